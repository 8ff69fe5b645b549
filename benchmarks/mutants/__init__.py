"""Good queries made from real records, and their neighbours: other queries, and the same query spelled otherwise.

What a mutant is expected to be follows from how it was made, never from running it:

    name:insulin  ->  name:insulin*         other: a record named "insulinoma" meets the second alone
    species=human ->  species=9606          same: one of the exact equivalences of the query language

A mutation is only made where that argument holds: a range is only narrowed where it is wide, words are only exchanged
for words with other tokens, a clause is only added on a field that the query does not use.
"""
