# What `make demo` deploys: three pods that keep data, and two that serve a page from Git.

asset "shop" "pages" {
  index = file("./pages/index.html")
}

# Each pod counts its starts on a volume of its own, so that what survives can be seen.
statefulset "shop" "ledger" {
  image    = "busybox:1.36"
  replicas = 3
  command  = ["sh", "-c", "echo started >> /data/starts; exec httpd -f -p 8080 -h /data"]

  env = {
    RELEASE = "one"
  }

  volume_claim "data" {
    mount_path = "/data"
  }

  probes {
    readiness {
      http_get {
        path = "/starts"
        port = 8080
      }
      period = 1
    }
  }
}

deployment "shop" "web" {
  image    = "busybox:1.36"
  replicas = 2
  command  = ["httpd", "-f", "-p", "8080", "-h", "/srv"]
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
