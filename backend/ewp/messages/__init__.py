"""Typed messages: one module per API, its versions side by side, each with reading and writing.

`read_*` take the bytes of a document and give frozen structs; they tell versions apart by the
root's namespace, go on over unknown elements and refuse what breaks a rule that readers rely on.
`write_*` give the UTF-8 bytes of a document that is valid by the published schema, or refuse.
Both raise `ewp.errors.MessageInvalid`; reading also raises `ewp.errors.XmlRefused`.
"""
