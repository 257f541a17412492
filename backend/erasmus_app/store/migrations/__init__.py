"""The steps that bring the tables up to date, run by `store.database.upgrade`."""
