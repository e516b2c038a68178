#!/usr/bin/env python3
"""The life of sockdog on a real system, told in steps: installed, at work, upgraded, removed. Runs in the guest, as root."""
import json

import packages_story
import relay_story
import remedies_story
import system_story
import steps

# The order of the imports is no matter; this is.
steps.STEPS = [
    system_story.system,
    packages_story.install,
    packages_story.hardened,
    relay_story.relay_confined,
    relay_story.relay_socket,
    system_story.capabilities,
    system_story.exposure,
    remedies_story.leaking_service,
    relay_story.relay_told,
    remedies_story.books_over_restart,
    remedies_story.user_unit,
    remedies_story.refused_units,
    remedies_story.monit,
    system_story.varlink,
    system_story.kernel_tests,
    packages_story.upgrade,
    packages_story.removed,
    packages_story.purged,
]
steps.play(json.loads((steps.HERE / "only.json").read_text()))
