"""The maps of validity, one module for each chapter that has one."""
