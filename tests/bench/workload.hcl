asset "shop" "config-NUMBER" {
  main = "listen = 8080\nworkers = 4\ngreeting = number NUMBER\n"
}

deployment "shop" "app-NUMBER" {
  image    = "registry.example/shop/app:1.4.2"
  replicas = 1
  command  = ["--config", "/etc/app/app.conf"]
  ports    = ["8080"]
  volumes  = ["${asset.shop.config-NUMBER.main}:/etc/app/app.conf:ro"]

  env = {
    LOG_LEVEL = "info"
    WHICH     = "NUMBER"
  }

  resources {
    limits {
      memory = "128Mi"
    }
  }

  probes {
    readiness {
      http_get {
        path = "/ready"
        port = 8080
      }
      period = "5s"
    }
  }
}
