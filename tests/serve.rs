//! `lockstep serve`, the real program, asked as browsers and programs ask it.

mod attacks;
mod backups;
mod crashes;
mod events;
mod remote;
mod rights;
mod starts;
mod triggers;

/// Three infrastructures, two services, and time to look at what runs: a run waits for a file.
const SHOP: &str = "\
input tag: string = \"v1\" where tag != \"\"
input targets: [infrastructure] = prod.*

kind app {
  deploy using release
}

workflow release(s: service, i: infrastructure) -> { after: string } {
  run \"echo ${s.name} ${tag} on ${i.name}\"
  run \"while [ -e hold ]; do sleep 0.05; done\" using sh
  return { after: tag }
}

environment prod {
  infrastructure eu: app { id = \"k8s1\" }
  infrastructure us: app { id = \"k8s2\" }
  infrastructure asia: app { id = \"k8s3\" }
}

service web: app {}
service cart: app {}

pipeline ship {
  stage out {
    matrix serial target in targets service in [web, cart] {
      deploy service to target
    }
  }
}
";
