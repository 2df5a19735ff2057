"""Adam with less around it than torch.optim has, and without denormal moments."""

import torch

FLUSH_STEPS = 256  # a moment of 1e-20 is denormal after 390


class Adam:
    """Adam (Kingma and Ba 2015), the very steps of `torch.optim.Adam(fused=True)`, with less around them.

    torch.optim's takes a second to start (it imports the compiler), and a twentieth of a training step for the groups
    and hooks that nobody needs here. And it keeps moments that have decayed to nothing: units that have died have no
    gradient, and their moments shrink by a tenth a step; after 700 steps they are denormal numbers, on which a CPU is
    many times slower, and rounding keeps them there for good. On USPS a million of them doubled the time of a step.
    (`torch.set_flush_denormal` reaches the calling thread alone.) Here they are set to zero now and then.

    Parameters
    ----------
    parameters : iterable of torch.nn.Parameter
    learning_rate : float
    """

    def __init__(self, parameters, learning_rate):
        self.parameters, self.learning_rate = list(parameters), learning_rate
        self.n_steps = 0
        self.moments = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.squares = [torch.zeros_like(parameter) for parameter in self.parameters]

    @torch.no_grad()
    def step(self):
        """Go one step against the gradients, which are gone then."""
        self.n_steps += 1
        n_steps = torch.full((), self.n_steps, dtype=torch.float32, device=self.parameters[0].device)
        torch._fused_adam_(
            self.parameters,
            [parameter.grad for parameter in self.parameters],
            self.moments,
            self.squares,
            [],
            [n_steps] * len(self.parameters),
            lr=self.learning_rate,
            beta1=0.9,
            beta2=0.999,
            weight_decay=0,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )
        for parameter in self.parameters:
            parameter.grad = None
        if self.n_steps % FLUSH_STEPS == 0:
            for moment in self.moments:
                moment.masked_fill_(moment.abs() < 1e-20, 0)

    def state_dict(self):
        """All that the next step depends on but the parameters."""
        return {name: getattr(self, name) for name in ("n_steps", "moments", "squares")}

    def load_state_dict(self, state):
        """Go on from where another one was."""
        self.n_steps = state["n_steps"]
        for name in ("moments", "squares"):
            for mine, other in zip(getattr(self, name), state[name]):
                mine.copy_(other)


class SlowAdam(torch.optim.Adam):
    """PyTorch's own, where it has no `_fused_adam_`, which is no promised part of it."""

    def step(self):
        """Go one step against the gradients, which are gone then."""
        super().step()
        self.zero_grad()


def optimizer(parameters, learning_rate):
    """The faster of the two that there is here."""
    return (Adam if hasattr(torch, "_fused_adam_") else SlowAdam)(parameters, learning_rate)
