"""The steps of making a key at which the drills kill workers."""

STEPS = (
    "before_the_pair",
    "before_the_call",
    "in_the_call",
    "after_the_answer",
    "before_storing",
    "after_storing",
)
