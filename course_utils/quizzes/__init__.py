"""The quizzes of the chapters: a module for each topic, as the checks and the maps have."""
