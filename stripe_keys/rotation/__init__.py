"""Old keys give way to new ones while everybody goes on reading and writing.

`rewrapping` moves data keys to the primary key-encryption key and opens no envelope. `merchant_keys` gives a merchant a
new data key. `fingerprint_keys` gives kept keys a fingerprint under the primary fingerprint key. All three may be
broken off at any moment, and run again or twice at once.
"""
