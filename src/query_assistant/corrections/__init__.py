"""What people put right: kept in SQLite, checked before anything learns from it.

store      the database: one row a correction, nothing is ever deleted
checking   is it sound, is it new, would it give a test set away
remarks    all of them with what speaks against each
importing  those of the prototype's server
"""
