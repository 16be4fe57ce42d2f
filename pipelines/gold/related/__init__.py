"""Related products: alternatives of a product, and complements to it, of what visits have in common.

Pure: DataFrame in, DataFrame out. `visits.py` says what happened to a product in a visit, `pairs.py` counts,
`measures.py` scores, `naming.py` makes the lists, `hit_rate.py` tells how often they are right.
"""
