"""The steps of making a key, and of ending one, at which the drills kill workers."""

STEPS = (
    "before_the_pair",
    "before_the_call",
    "in_the_call",
    "after_the_answer",
    "before_storing",
    "after_storing",
)

# Of a key that we end, and of one that Stripe ends by itself when the overlap of its rotation is over.
ENDING_STEPS = (
    "before_the_wish",
    "in_the_wish",
    "before_the_wish_is_noted",
    "before_a_look",
    "still_accepted",
    "before_the_end",
)
OVERLAP_STEPS = ("before_a_look", "before_the_end")
# While the overlap runs: a new key takes over, and its old one is looked at too early.
TAKEOVER_STEPS = ("before_it", "in_it")
TOO_EARLY = "serves_until_then"
