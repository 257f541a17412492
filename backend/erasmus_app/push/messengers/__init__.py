"""Messengers' APIs, in and out; each module is one."""
