"""The language model, its prompts, and the decision whether to answer."""
