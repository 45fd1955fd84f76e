"""Our own adversary: attacks on the SAML library by name, by chance, and by size.

    corpus      responses that must be refused, each for the right reason, and ones that must be read
    mutations   how to damage a well-signed response
    fuzz        the oracle that says whether the damage mattered
    hostile     documents made to cost as much as they can

    python -m adversary corpus FOLDER     write the corpus as files, to look at by hand
    python -m adversary fuzz              mutate well-signed responses (`make fuzz`)
    python -m adversary hostile           a table of what hostile sizes cost (`make hostile`)

Other people's programs and schemas are asked about the same documents in
`tests/journeys/test_independent_opinions.py`.

Nothing here is made with code of awscons: signatures come from `support.forge`, encryption from
`support.encrypt`, over lxml and cryptography. The library under test is entered in one place, `cases.read`.

The documents are made anew at every run, with new keys and a clock that stands still. Files in the
repository would need private keys beside them, which every secret scanner would report for ever, and a
changed template could not be signed again without them; a key costs a twentieth of a second.
"""
