"""The Hessian of a loss of rows times a vector, as a loss of rows: written by differentiating its functions again."""
