"""What we do to a box: Fabric tasks, in the order in which a user meets them."""

from invoke.collection import Collection

from playbooks import (
    allow,
    bench,
    bootstrap,
    client_env,
    completion,
    cost,
    doctor,
    extend,
    fit,
    init_repo,
    keys_command,
    launch,
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
    usage_command,
    verify,
    webui,
)

mistyped.install()
completion.install()
namespace = Collection()
namespace.add_task(plans.plans)
namespace.add_task(models.models)
namespace.add_task(fit.fit)
namespace.add_task(new.new)
namespace.add_task(bootstrap.bootstrap)
namespace.add_collection(Collection.from_module(tunnel, name="tunnel"))
namespace.add_task(launch.launch_aider)
namespace.add_task(launch.launch)
namespace.add_task(init_repo.init_repo)
namespace.add_task(client_env.env)
namespace.add_collection(Collection.from_module(keys_command, name="keys"))
namespace.add_task(usage_command.usage)
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
