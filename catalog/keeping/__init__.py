"""Backups of a workspace, and what is removed by age."""
