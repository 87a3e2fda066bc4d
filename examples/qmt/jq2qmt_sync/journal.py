# -*- coding: utf-8 -*-
"""What is told to people: a line when something changes, and every ten minutes how things stand."""

import re

from .terms import seconds

# How often it is told how things stand; what comes and goes is not told again before.
SUMMARY_SECONDS = 600


class Journal(object):
    """Prints the lines, each with our name before it."""

    def __init__(self, out):
        self.out = out
        self.said = {}  # topic: {words: when they were printed}
        self.standing = {}  # topic: the words that hold
        self.summed_at = None

    def line(self, text):
        self.out("jq2qmt %s" % text)

    def say(self, topic, words, now, numbers=(), shown=None):
        """Print words about a topic where they are others than the last. Numbers alone are no news; neither is what
        `shown`, printed in place of the words, says beyond them."""
        if self.standing.get(topic) == words:
            return
        self.standing[topic] = words
        before = self.said.setdefault(topic, {})
        if words not in before or seconds(now, before[words]) >= SUMMARY_SECONDS:
            before[words] = now
            self.line(shown or (words % numbers if numbers else words))

    def tell(self, topic, text, now):
        """Say a text that was made elsewhere, numbers and all."""
        self.say(topic, re.sub(r"\d+", "0", text), now, shown=text)

    def settle(self, *topics):
        """There is nothing to say about these any more."""
        for topic in topics:
            self.standing.pop(topic, None)

    def keep_only(self, kind, topics):
        """Of a kind of topics, these alone have something to be said about."""
        self.settle(*[topic for topic in self.standing if topic[0] == kind and topic not in topics])

    def summary(self, text, now):
        """Print how things stand, where that was not done for a while."""
        self.summed_at = self.summed_at or now
        if seconds(now, self.summed_at) >= SUMMARY_SECONDS:
            self.summed_at = now
            self.line("小结 %s：%s" % (now.strftime("%H:%M"), text))
