"""A technician who follows a script: answers, and does with the gate what is asked."""

from __future__ import annotations


class Script:
    """Answers from a table; `deeds` are done when a step asks for something to be done."""

    def __init__(self, answers=None, deeds=None, sign="Anna"):
        self.answers = answers or {}
        self.deeds = deeds or {}
        self.sign = sign
        self.asked = []
        self.said = []

    def say(self, text):
        """Keep it."""
        self.said.append(text)

    def ready(self, fault, what, serve):
        """Do the next deed of this step, if there is one."""
        self.said.append(what)
        deeds = self.deeds.get(fault.value, [])
        if deeds:
            deeds.pop(0)()
        serve()

    def diverted(self, fault, question, serve):
        """Answer from the table; yes where it says nothing."""
        self.asked.append(fault.value)
        self.said.append(question)
        answer = self.answers.get(fault.value, True)
        if isinstance(answer, Exception):
            raise answer
        serve()
        return answer

    def signature(self, question):
        """Sign."""
        self.said.append(question)
        return self.sign
