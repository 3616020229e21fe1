"""The venues, one folder each, and the port between them and the stages."""
