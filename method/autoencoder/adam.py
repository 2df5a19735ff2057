"""Adam with less overhead than torch.optim's, and without denormal moments."""

import torch

FLUSH_STEPS = 256  # a moment of 1e-20 is denormal after 390


class Adam:
    """Adam (Kingma and Ba 2015), with the same steps as `torch.optim.Adam(fused=True)` and less overhead.

    torch.optim's takes a second to start (it imports the compiler), and a twentieth of a training step for groups and
    hooks that are not needed here. And its moments become denormal: dead units have no gradient, and their moments
    shrink by a tenth a step; after 700 steps they are denormal numbers, on which a CPU is many times slower, and
    rounding keeps them there. On USPS a million of them doubled the time of a step. (`torch.set_flush_denormal` affects
    the calling thread alone.) Here they are set to zero every `FLUSH_STEPS` steps.

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
        """Do one step, and clear the gradients."""
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
        """Return what the next step depends on, other than the parameters."""
        return {name: getattr(self, name) for name in ("n_steps", "moments", "squares")}

    def load_state_dict(self, state):
        """Restore the state of another instance."""
        self.n_steps = state["n_steps"]
        for name in ("moments", "squares"):
            for mine, other in zip(getattr(self, name), state[name]):
                mine.copy_(other)


class SlowAdam(torch.optim.Adam):
    """PyTorch's own Adam, for a PyTorch without the private function `_fused_adam_`."""

    def step(self):
        """Do one step, and clear the gradients."""
        super().step()
        self.zero_grad()


def optimizer(parameters, learning_rate):
    """Return the faster Adam that this PyTorch can run."""
    return (Adam if hasattr(torch, "_fused_adam_") else SlowAdam)(parameters, learning_rate)
