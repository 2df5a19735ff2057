"""The first step: scale the samples, train an autoencoder, keep its weights."""
