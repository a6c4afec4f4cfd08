"""Finding the answer in a keystroke: German analysis, a query plan, and thin engines below it.

Pure and readable without Django, from the word up: ``fold``, ``stem``, ``nouns``, ``decompound``,
``synonyms``, ``speller``, ``analysis`` (words), ``documents`` (what is indexed), ``plan`` and
``planner`` (what is asked), ``scorer`` (what is found), ``highlight`` (what is marked). Engines:
``whoosh_store`` (embedded) and ``postgres_store``, both behind Haystack. Everybody else calls ``api``.
"""
