"""Which source earned an order: paths of touches, models that credit them, money by share."""
