"""The fixed keys, salts, nonces and times of every worked example. None of them is a secret."""

from __future__ import annotations

from typing import Final

from sealwire.core.keys import PrivateKey

CLIENT_KEY: Final = PrivateKey.from_seed(
    bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
)
"""RFC 8032 section 7.1, test 1, which is RFC 8037 appendix A.1: its thumbprint is in A.3."""
SERVER_KEY: Final = PrivateKey.from_seed(
    bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
)
"""RFC 8032 section 7.1, test 2."""
NEXT_SERVER_KEY: Final = PrivateKey.from_seed(
    bytes.fromhex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7")
)
"""RFC 8032 section 7.1, test 3."""
NEXT_CLIENT_KEY: Final = PrivateKey.from_seed(
    bytes.fromhex("f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5")
)
"""RFC 8032 section 7.1, test 1024."""

DEPLOYMENT_ID: Final = "6f1a9bd0-7c3e-4f58-9a64-2d1b0c5e8f72"
AUDIENCE: Final = f"sealwire:{DEPLOYMENT_ID}"
ISSUED_AT: Final = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""
ANSWERED_AT: Final = ISSUED_AT + 25
NONCE: Final = bytes(range(0xA0, 0xB8))
STREAM_NONCE: Final = bytes(range(0xC0, 0xD8))
CONDITIONAL_NONCE: Final = bytes(range(0xE0, 0xF8))

ROOT_KEY: Final = bytes(range(0x40, 0x60))
IDENTITY_SALT: Final = bytes(range(0x60, 0x80))
RECORD_SALT: Final = bytes(range(0x80, 0xA0))

VALUE_SALT: Final = bytes(range(0xA0, 0xC0))
METADATA_SALT: Final = bytes(range(0xC0, 0xE0))
NAME_SALT: Final = bytes(range(0xE0, 0x100))
NAME_KEY_SALT: Final = bytes(range(0x20))
ANSWER_SALT: Final = bytes(range(0x20, 0x40))
NAME_KEY: Final = bytes(range(0x10, 0x30))
EXPIRES_AT: Final = ANSWERED_AT + 3_600_000
REQUEST_ID: Final = "5b0e7c1d-2f64-4a3b-9d88-7e61c0f4a925"
