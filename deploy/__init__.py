"""What runs Octavo: on one machine (`local`) and on Kubernetes (`k8s`)."""
