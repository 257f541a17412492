"""`/mcp`: assistants read a student's record by tools (Model Context Protocol)."""
