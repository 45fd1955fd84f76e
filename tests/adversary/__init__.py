"""Attacks on the SAML library: named attacks, random mutations, and documents of hostile size.

    corpus      responses that must be refused by a named rule, and variants that must be accepted
    mutations   how to damage a validly signed response
    fuzz        the oracle that decides whether the library reacted correctly
    hostile     documents that are expensive to process
    hostile_groups   group names that could be

    python -m adversary corpus FOLDER     write the corpus as files, to look at by hand
    python -m adversary fuzz              mutate well-signed responses (`make fuzz`)
    python -m adversary hostile           a table of what hostile sizes cost (`make hostile`)

`tests/journeys/test_independent_opinions.py` compares the verdict of other programs and schemas on the same
documents.

No document is made with code of awscons: signatures come from `support.forge`, encryption from
`support.encrypt`, over lxml and cryptography. The library under test is entered in one place, `cases.read`.

Each run makes the documents again, with new keys and a fixed clock. Files in the
repository would need private keys beside them, which every secret scanner would report for ever, and a
changed template could not be signed again without them; making a key takes about 0.05 seconds.
"""
