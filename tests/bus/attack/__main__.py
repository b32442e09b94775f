# SPDX-License-Identifier: GPL-2.0-or-later
"""attack PART [ARGUMENT…]: one attack on the installed vpcd, as root inside the lab. Prints "ok - NAME" or
"not ok - NAME" and why, "# …" for what is worth knowing. The suites attack-*.sh run it and look at the machine before
and after."""

import sys

import arguments
import authority
import client
import load
import names

PARTS = {
    part.__name__: part
    for part in (
        authority.subject,
        authority.killed,
        authority.both,
        authority.under,
        authority.queue,
        authority.turns,
        authority.prompts,
        authority.slow,
        authority.gone,
        authority.frozen,
        authority.absent,
        names.names,
        names.words,
        names.ids,
        arguments.hostile,
        client.forged,
        client.client,
        load.load,
    )
}

PARTS[sys.argv[1]](*sys.argv[2:])
