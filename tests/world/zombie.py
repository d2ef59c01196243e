"""A zombie: a process that goes on after its lease ran out, while another has its job."""

from __future__ import annotations

from tests.world.progress import BOUND_SECONDS
from tests.world.small_world import SmallWorld
from tests.world.watched import Place
from tests.world.worker import Trouble, Worker


async def overtaken(world: SmallWorld, zombie: Worker, other: Worker, where: Place) -> bool:
    """Let the one freeze in its next job, and go on once the other is in the middle of one.

    False where there was no work for it. The other stays frozen.
    """
    world.let_go()
    await world.queue_state.write("running")
    other.freeze()
    zombie.thaw()
    zombie.troubles[where] = Trouble.FREEZES
    for _ in range(3):
        await world.turn()
    if not zombie.frozen:
        zombie.troubles.clear()
        other.thaw()
        return False
    other.thaw()
    other.troubles[Place.MIDST] = Trouble.FREEZES
    for _ in range(BOUND_SECONDS):
        if other.frozen:
            break
        await world.turn(seconds=1.0)
    zombie.thaw()
    await world.quiet()
    return True
