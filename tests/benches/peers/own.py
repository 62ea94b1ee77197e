"""Our side of the comparison with public attacks: per key, the attacks that are timed."""

from methods.attacks.attack import Attack
from methods.attacks.carlini_wagner.l2 import CarliniWagnerL2
from methods.attacks.ddn import Ddn
from methods.attacks.elastic_net import ElasticNet
from methods.attacks.jsma import Jsma
from methods.attacks.pgd import Pgd

EPSILONS = (0.1, 0.2)
PGD: dict[float, Attack] = {
    epsilon: Pgd(epsilon=epsilon, step_size=0.1, steps=40, random_start=False) for epsilon in EPSILONS
}
CARLINI_WAGNER: Attack = CarliniWagnerL2()
ELASTIC_NET: Attack = ElasticNet(searches=5, steps=50, step_size=0.05)
JSMA: Attack = Jsma(output="z", gamma=26 / 256)
MINIMUM_NORM: Attack = Ddn(steps=100)
