"""What we do to a box: Fabric tasks, in the order in which a user meets them."""

from invoke.collection import Collection

from playbooks import (
    aider,
    allow,
    bench,
    bootstrap,
    client_env,
    cost,
    doctor,
    extend,
    fit,
    logs,
    mistyped,
    models,
    new,
    plans,
    ssh,
    status,
    sweep,
    switch,
    tunnel,
    verify,
    webui,
)

mistyped.install()
namespace = Collection()
namespace.add_task(plans.plans)
namespace.add_task(models.models)
namespace.add_task(fit.fit)
namespace.add_task(new.new)
namespace.add_task(bootstrap.bootstrap)
namespace.add_collection(Collection.from_module(tunnel, name="tunnel"))
namespace.add_task(aider.launch_aider)
namespace.add_task(client_env.env)
namespace.add_task(webui.webui)
namespace.add_task(status.status)
namespace.add_task(doctor.doctor)
namespace.add_task(verify.verify)
namespace.add_task(logs.logs)
namespace.add_collection(Collection.from_module(ssh, name="ssh"))
namespace.add_task(allow.allow)
namespace.add_task(extend.extend)
namespace.add_task(switch.switch)
namespace.add_task(bench.bench)
namespace.add_task(cost.cost)
namespace.add_task(sweep.sweep)
