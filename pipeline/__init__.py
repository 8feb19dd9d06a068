"""The stages, their cache, inputs and outputs: the only code that knows both other rooms."""
