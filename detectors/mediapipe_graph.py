"""Runs a graph of mediapipe's calculators; the networks that they use are in its wheel, too."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from detectors.base import Image


class Graph:
    """A graph that is run on one picture at a time.

    Args:
        config: the graph in the text format of protocol buffers.
        messages: names of the output streams that carry one message.
        lists: names of those that carry a list of messages.
    """

    def __init__(
        self, config: str, messages: tuple[str, ...] = (), lists: tuple[str, ...] = ()
    ) -> None:
        with _without_pyplot():
            import mediapipe
        from mediapipe.python import packet_getter
        from mediapipe.python._framework_bindings import resource_util

        # Graphs name their weights by paths relative to this folder.
        resource_util.set_resource_dir(str(Path(mediapipe.__file__).parents[1]))
        self._time = 0  # mediapipe's; it must increase
        self._found: dict[str, Any] = {}
        self._graph = mediapipe.CalculatorGraph(graph_config=config)

        def keep(name: str, packet: Any) -> None:
            get = packet_getter.get_proto_list if name in lists else packet_getter.get_proto
            self._found[name] = get(packet)

        for name in (*messages, *lists):
            self._graph.observe_output_stream(name, keep)
        self._graph.start_run()

    def run(self, **packets: Any) -> dict[str, Any]:
        """Put a packet into each input stream, and take what comes out.

        Args:
            packets: by the name of the input stream.

        Returns:
            What each output stream carries, by its name; empty streams are left out.
        """
        self._found = {}
        self._time += 1
        for name, packet in packets.items():
            self._graph.add_packet_to_input_stream(name, packet.at(self._time))
        self._graph.wait_until_idle()
        return self._found


def image_packet(image: Image) -> Any:
    """A picture as graphs take it."""
    from mediapipe import ImageFormat
    from mediapipe.python import packet_creator

    data = np.ascontiguousarray(image)
    return packet_creator.create_image_frame(image_format=ImageFormat.SRGB, data=data)


@contextmanager
def _without_pyplot() -> Iterator[None]:
    """mediapipe imports pyplot for drawings that nobody makes here: a second of every start."""
    names = ("matplotlib", "matplotlib.pyplot")
    if any(name in sys.modules for name in (*names, "mediapipe")):
        yield
        return
    sys.modules |= {name: ModuleType(name) for name in names}
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
