"""Exposures at random moments, pictures at a fixed rate: is each bound to the picture that it made?"""

import random
from dataclasses import dataclass
from typing import Final

from firmware_bridge.binding import Binding, FrameBinder
from firmware_bridge.codes import EventKind, PinRole
from firmware_bridge.fake_firmware import Firmware
from firmware_bridge.faulty_line import Faults
from firmware_bridge.simulation import Simulation

PAUSE_NS: Final = (60_000_000, 400_000_000)
"""Shortest and longest, from one switching of the line to the next."""
JITTER: Final = 0.1
"""A picture is early or late by up to so much of the time from one to the next."""
SETTLE_NS: Final = 2_000_000_000


@dataclass(frozen=True, slots=True)
class ExposureResult:
    """How the bindings came out."""

    exposures: int
    bound: int
    within_one_frame: int
    """The bound picture is the nearest to the true moment, or its neighbour."""
    bounds_held: int
    """The true moment lay within the stated uncertainty."""
    worst_uncertainty_ms: float


def simulate_exposures(
    firmware: Firmware, frames_per_second: float, exposures: int, faults: Faults, seed: int, drift_ppm: float = 50.0
) -> ExposureResult:
    """Make so many exposures and bind them; see ``Simulation`` for host, line and controller."""
    chance = random.Random(seed)
    simulation = Simulation(firmware, faults, seed, PinRole.EXPOSURE, drift_ppm)
    bindings: list[Binding[int]] = []
    binder: FrameBinder[int] = FrameBinder(bindings.append)
    frame_times_ns: list[int] = []
    interval_ns = 1e9 / frames_per_second
    first_ns = simulation.now_ns + chance.random() * interval_ns
    next_frame_ns, next_switch_ns, given = first_ns, simulation.now_ns + SETTLE_NS, 0
    while simulation.now_ns < next_switch_ns + SETTLE_NS:
        if len(simulation.switched_ns) < 2 * exposures and simulation.now_ns >= next_switch_ns:
            simulation.switch()
            next_switch_ns = simulation.now_ns + chance.randrange(*PAUSE_NS)
        if simulation.now_ns >= next_frame_ns:
            frame_times_ns.append(simulation.now_ns)
            binder.add_frame(len(frame_times_ns) - 1, simulation.now_ns, 0)
            jitter_ns = chance.uniform(-JITTER, JITTER) * interval_ns
            next_frame_ns = first_ns + len(frame_times_ns) * interval_ns + jitter_ns
        simulation.step()
        for event in simulation.events[given:]:
            if event.kind == EventKind.EXPOSURE_START:
                binder.add_event(event, simulation.now_ns)
        given = len(simulation.events)
        binder.tick(simulation.now_ns)
    return _judge(simulation.switched_ns[::2], frame_times_ns, bindings)


def _judge(exposed_ns: list[int], frame_times_ns: list[int], bindings: list[Binding[int]]) -> ExposureResult:
    within = held = 0
    worst_ns = 0
    for binding in bindings:
        event = binding.event
        true_ns = min(exposed_ns, key=lambda at_ns: abs(at_ns - event.happened_ns))
        held += abs(true_ns - event.happened_ns) <= event.uncertainty_ns
        worst_ns = max(worst_ns, event.uncertainty_ns)
        if binding.frame is not None:
            nearest = min(range(len(frame_times_ns)), key=lambda index: abs(frame_times_ns[index] - true_ns))
            within += abs(nearest - binding.frame) <= 1
    bound = sum(binding.frame is not None for binding in bindings)
    return ExposureResult(len(exposed_ns), bound, within, held, worst_ns / 1e6)
