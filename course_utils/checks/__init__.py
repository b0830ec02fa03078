"""The checks of each chapter's exercises, a module for a chapter."""
