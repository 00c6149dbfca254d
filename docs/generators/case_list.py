"""The security cases: what is tried, what must happen, and what a case waits for if not held yet.

A test that holds a case says so in a comment, `# case 12`. docs/generate.py makes the table in
security-cases.md from both; tests/docs/test_security_cases.py keeps them honest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

REPLICAS: Final = "PostgreSQL and replicas"
LOAD: Final = "limits per client and load shedding"
AUDIT: Final = "the audit trail"


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `waits_for` names the later work that will hold it."""

    number: int
    tried: str
    must: str
    waits_for: str = ""


SECTIONS: Final[dict[str, tuple[Case, ...]]] = {
    "Transport": (
        Case(1, "a plaintext connection", "no handler runs; the handshake fails"),
        Case(2, "TLS 1.0 or 1.1", "the handshake fails"),
        Case(3, "TLS 1.2", "the handshake fails, or UNAUTHENTICATED"),
        Case(4, "no client certificate", "the handshake fails"),
        Case(5, "a client certificate of another CA", "the handshake fails"),
        Case(6, "an expired or not yet valid certificate", "the handshake fails"),
        Case(7, "a revoked certificate, also on an open connection", "UNAUTHENTICATED"),
        Case(8, "a CA that was rotated", "old ones work until the cut-off"),
        Case(9, "one client's certificate, another's signing key", "UNAUTHENTICATED"),
        Case(10, "same name or serial, another TLS key", "UNAUTHENTICATED"),
        Case(11, "a server certificate used by a client", "UNAUTHENTICATED or no handshake"),
        Case(12, "a server with another name or CA", "the client refuses, exit code not 0"),
        Case(13, "paths that are not canonical", "UNIMPLEMENTED"),
        Case(14, "reflection or health without identity", "off, or no data"),
    ),
    "Envelope": (
        Case(15, "any bit of payload, signature or key id flipped", "UNAUTHENTICATED"),
        Case(16, "an unknown key id", "UNAUTHENTICATED, the same text"),
        Case(17, "a revoked or expired key", "UNAUTHENTICATED"),
        Case(18, "one client's payload, another's signature", "UNAUTHENTICATED"),
        Case(19, "the same request twice", "UNAUTHENTICATED"),
        Case(20, "the same request again after a restart", "UNAUTHENTICATED"),
        Case(21, "the same request at another replica", "UNAUTHENTICATED", REPLICAS),
        Case(22, "the same request a hundred times at once", "one succeeds"),
        Case(23, "a request sent to another method", "UNAUTHENTICATED"),
        Case(24, "a request signed for another audience", "UNAUTHENTICATED"),
        Case(25, "a request one tick outside of the window", "UNAUTHENTICATED; the limits pass"),
        Case(26, "times of zero, below zero, and the largest", "UNAUTHENTICATED"),
        Case(27, "a nonce too short, empty or too long", "INVALID_ARGUMENT"),
        Case(28, "one nonce under two keys", "both succeed"),
        Case(29, "more nonces than can be remembered", "RESOURCE_EXHAUSTED; none is forgotten"),
        Case(30, "a message or metadata too large", "RESOURCE_EXHAUSTED"),
        Case(31, "bytes that do not parse, or are cut anywhere", "INVALID_ARGUMENT"),
        Case(32, "unknown fields", "INVALID_ARGUMENT"),
        Case(33, "a field twice", "INVALID_ARGUMENT"),
        Case(34, "nesting 200 deep", "INVALID_ARGUMENT"),
        Case(35, "a signature of 0, 63 or 65 bytes", "UNAUTHENTICATED"),
        Case(36, "a signature with S not below the group's order", "UNAUTHENTICATED"),
        Case(37, "a public key of small order", "refused when it enters"),
        Case(38, "a signature with R of small order", "UNAUTHENTICATED"),
        Case(39, "encodings of R or A that are not canonical", "UNAUTHENTICATED"),
        Case(40, "a public key of mixed order", "refused when it enters"),
        Case(41, "a signature made for another purpose", "UNAUTHENTICATED"),
    ),
    "Streams": (
        Case(42, "a message swapped, repeated or dropped", "DATA_LOSS or INVALID_ARGUMENT"),
        Case(43, "a stream cut before its end", "INVALID_ARGUMENT, nothing is committed"),
        Case(44, "a message after the end, or two ends", "INVALID_ARGUMENT"),
        Case(45, "a message of another stream", "UNAUTHENTICATED"),
        Case(46, "a client that goes away midway", "nothing is committed"),
        Case(47, "a key revoked midway", "UNAUTHENTICATED before the next message"),
    ),
    "Permissions": (
        Case(48, "a valid key without a right; a thing that is missing", "the same refusal"),
        Case(49, "dots, double slashes, %2f and NUL in names", "INVALID_ARGUMENT, never decoded"),
        Case(50, "a right to eng, used on engineering", "PERMISSION_DENIED"),
        Case(51, "names that look alike", "refused, or kept apart; never one for the other"),
        Case(52, "a star in a name", "never a wildcard"),
        Case(53, "granting more than one has", "PERMISSION_DENIED"),
        Case(54, "a deny beside a broader allow", "the deny wins"),
        Case(55, "names in a list that one has no right to", "left out"),
        Case(56, "a write racing a revocation", "none after the answer"),
        Case(57, "two administrators who remove each other", "one stays"),
        Case(58, "somebody else's key id in a request", "only the signer counts"),
        Case(59, "a method without a policy", "the server does not start"),
    ),
    "At rest": (
        Case(60, "sealed bytes moved to another place", "DATA_LOSS"),
        Case(
            61,
            "an older row put back",
            "found by `verify` while the order of changes tells; else documented",
        ),
        Case(62, "a header altered", "DATA_LOSS"),
        Case(63, "sealed bytes cut at any length", "DATA_LOSS"),
        Case(64, "the wrong root key", "no start, and nothing is changed"),
        Case(65, "the database at another server", "unreadable"),
        Case(66, "searching every file for a value", "not found"),
        Case(67, "many seals", "no key and nonce twice"),
        Case(68, "bytes that open under two keys", "DATA_LOSS"),
        Case(69, "an unknown format or suite", "DATA_LOSS"),
    ),
    "Storage faults": (
        Case(70, "kill -9 at every point", "what was acknowledged is there, whole"),
        Case(71, "a power cut", "the same"),
        Case(72, "a full disk", "refused; reads go on"),
        Case(73, "fsync fails", "UNAVAILABLE, no false answer"),
        Case(74, "a locked database", "UNAVAILABLE"),
        Case(75, "a damaged page", "DATA_LOSS"),
        Case(76, "a database server that goes away", "UNAVAILABLE, then heals", REPLICAS),
        Case(77, "a connection lost after a commit", "one effect"),
        Case(78, "a standby that lags is promoted", "documented", REPLICAS),
        Case(79, "the audit trail fails", "no effect", AUDIT),
    ),
    "Load": (
        Case(80, "a thousand idle handshakes", "closed; others are served", LOAD),
        Case(81, "floods of connections and streams", "bounded memory", LOAD),
        Case(82, "ten times the capacity", "refused quickly", LOAD),
        Case(83, "a list of a million", "in pages"),
        Case(84, "one record, 64 writers", "no update is lost"),
        Case(85, "a flood of bad signatures", "others keep their rate", LOAD),
    ),
    "Responses": (
        Case(86, "a response that was tampered with", "an error, and nothing is printed"),
        Case(87, "the answer to another request", "an error"),
        Case(88, "a server key that changed", "the client refuses"),
        Case(89, "an error that is not signed", "never taken as proof of no effect"),
    ),
    "Command line": (
        Case(90, "key files others can read, or links", "refused"),
        Case(91, "secrets as arguments", "there is no such option"),
        Case(92, "core files", "switched off"),
        Case(93, "escape and direction characters in names", "shown, not obeyed"),
        Case(94, "output although verification failed", "none, exit code not 0"),
        Case(95, "key files under any umask", "0600, whole or not at all"),
    ),
    "Operations": (
        Case(96, "SIGTERM under load", "what is under way finishes; exit code 0"),
        Case(97, "a backup while running", "restores"),
        Case(98, "a backup that revives revoked keys", "refused; they are ended again"),
        Case(99, "root rotation killed midway", "goes on"),
        Case(100, "an old program on a newer schema", "refuses to start"),
        Case(101, "clocks that are wrong or step", "UNAUTHENTICATED, no nonce is forgotten"),
        Case(102, "an audit line altered", "noticed", AUDIT),
    ),
}
