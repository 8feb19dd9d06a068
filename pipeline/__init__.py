"""The stages, their cache and what goes in and out: the only code that knows both other rooms."""
