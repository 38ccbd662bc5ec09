"""From examples to gradients: losses, gradients of every example, passes on the CPU."""
