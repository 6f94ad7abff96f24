"""The channels of an exported model, and where files have them."""

from typing import NamedTuple

from tumorseg.prediction.records import ModelFacts


class Channels(NamedTuple):
    """The channels that a model needs: of one image, or of the case that consists of several.

    names: empty for a model of one channel. numbers: which of a data set's numbered channels they
    are, from 0; empty where unknown.
    """

    names: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()

    @classmethod
    def of(cls, facts: ModelFacts) -> "Channels":
        """The channels of an exported model."""
        if "channels" in facts:
            return cls(tuple(facts["channels"]), tuple(facts.get("channel_numbers", ())))
        return cls((), (facts["channel"],) if "channel" in facts else ())

    @property
    def places(self) -> tuple[int, ...]:
        """Where each channel is in a row of several; in their order where numbers are unknown."""
        return self.numbers or tuple(range(len(self.names)))

    def listed(self) -> str:
        """The channels in words, with their numbers; empty for a model of one."""
        pairs = zip(self.names, self.places, strict=False)  # one has a number, but no name
        return ", ".join(f"{name} ({number})" for name, number in pairs)
