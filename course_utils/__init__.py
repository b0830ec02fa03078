"""The course's utility package: ``import course_utils as cu``."""

from course_utils.seeding import generator, seeds

__all__ = ["generator", "seeds"]
