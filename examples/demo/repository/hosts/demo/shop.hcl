# What `make demo` deploys: three pods that keep data, and two that serve a page from Git.

asset "shop" "pages" {
  index = file("./pages/index.html")
}

# Each start writes its release into the pod's own volume, so that what survives can be read. The shell is there to
# end at once when it is told to: httpd as the first process of a container would not.
statefulset "shop" "ledger" {
  image    = "busybox:1.36"
  replicas = 3
  command  = ["sh", "-c", "echo $RELEASE >> /data/releases; trap exit TERM; httpd -f -p 8080 -h /data & wait"]

  env = {
    RELEASE = "one"
  }

  volume_claim "data" {
    mount_path = "/data"
  }

  probes {
    readiness {
      http_get {
        path = "/releases"
        port = 8080
      }
      period = 1
    }
  }
}

deployment "shop" "web" {
  image    = "busybox:1.36"
  replicas = 2
  command  = ["sh", "-c", "trap exit TERM; httpd -f -p 8080 -h /srv & wait"]
  ports    = ["8080"]

  volumes = ["${asset.shop.pages.index}:/srv/index.html:ro"]

  probes {
    readiness {
      http_get {
        path = "/"
        port = 8080
      }
      period = 1
    }
  }
}
