#!/usr/bin/env python3
"""A real nginx and a real Python HTTP server, registered from a file, by the API and by the CLI, found by
DNS and HTTP; one stops and leaves both; a key is watched; the server is killed and everything is there again."""
import os
import shutil
import subprocess
import sys
import threading
import time

from agent import Agent, children, eventually, free_ports, main


def start_nginx(folder, port):
    conf = os.path.join(folder, "nginx.conf")
    with open(conf, "w") as f:
        f.write(f"daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.err; events {{}}\n"
                f"http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;"
                f" uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;"
                f" server {{ listen 127.0.0.1:{port}; location / {{ return 200 'hello from nginx'; }} }} }}\n")
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    return children.start([nginx, "-c", conf, "-p", folder], stderr=subprocess.DEVNULL)


def start_python(folder, port):
    return children.start([sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", folder],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def ports_of(answers):
    return {int(a.split()[2]) for a in answers}


def passing(agent, service):
    return {i["Service"]["Port"] for i in agent.json("GET", f"/v1/health/service/{service}?passing")}


def services():
    with Agent() as agent:
        web, api_port, cli_port = free_ports(3)
        config = os.path.join(agent.folder, "web.hcl")
        with open(config, "w") as f:
            f.write(f'service {{ name = "web" id = "nginx" port = {web} tags = ["front"]\n'
                    f'  check {{ http = "http://127.0.0.1:{web}/" interval = "1s" timeout = "1s" }} }}\n')
        agent.config_files.append(config)
        nginx = start_nginx(agent.folder, web)
        python = start_python(agent.folder, api_port)
        second = start_python(agent.folder, cli_port)
        try:
            walk(agent, nginx, python, web, api_port, cli_port)
        finally:
            for p in (nginx, python, second):
                p.terminate()  # nginx takes its workers with it, which SIGKILL does not
                p.wait(20)


def walk(agent, nginx, python, web, api_port, cli_port):
    agent.start()
    # Registered from a file, by the API and by the CLI.
    check = {"HTTP": f"http://127.0.0.1:{api_port}/", "Interval": "1s", "Timeout": "1s"}
    agent.json("PUT", "/v1/agent/service/register", {"Name": "files", "ID": "py1", "Port": api_port, "Check": check})
    definition = os.path.join(agent.folder, "files.json")
    with open(definition, "w") as f:
        f.write('{"service": {"name": "files", "id": "py2", "port": %d, "check": {"http": "http://127.0.0.1:%d/", "interval": "1s"}}}'
                % (cli_port, cli_port))
    out = agent.cli("services", "register", definition)
    assert out.strip() == "Registered service: files", out
    # Found by HTTP and by DNS once their checks have passed.
    eventually("nginx passes", 5, lambda: passing(agent, "web") == {web})
    eventually("both Python servers pass", 5, lambda: passing(agent, "files") == {api_port, cli_port})
    assert ports_of(agent.dig("files.service.consul", "SRV")) == {api_port, cli_port}
    assert ports_of(agent.dig("_web._front.service.consul", "SRV")) == {web}
    assert agent.dig("web.service.consul") == ["127.0.0.1"]
    assert agent.dig("n1.node.consul") == ["127.0.0.1"]
    listed = agent.cli("catalog", "services").split()
    assert listed == ["consul", "files", "web"], listed
    # One stops and leaves DNS and ?passing within the interval and a second.
    python.kill()
    took = eventually("the stopped server leaves ?passing", 2.5, lambda: passing(agent, "files") == {cli_port})
    eventually("and DNS", 1, lambda: ports_of(agent.dig("files.service.consul", "SRV")) == {cli_port})
    assert took <= 2.0, f"took {took:.2f} s with an interval of 1 s"
    watch_a_key(agent)
    # Killed without warning: everything is there again, the check states too.
    agent.kill()
    agent.start()
    assert agent.cli("kv", "get", "tour/key").strip() == "two"
    eventually("services are found again", 5, lambda: passing(agent, "files") == {cli_port} and passing(agent, "web") == {web})
    assert ports_of(agent.dig("files.service.consul", "SRV")) == {cli_port}


def watch_a_key(agent):
    agent.cli("kv", "put", "tour/key", "one")
    _, headers, _ = agent.request("GET", "/v1/kv/tour/key")
    index, woken = headers["x-consul-index"], []

    def watch():
        start = time.monotonic()
        status, h, body = agent.request("GET", f"/v1/kv/tour/key?raw&index={index}&wait=30s", timeout=40)
        woken.append((status, body, int(h["x-consul-index"]) > int(index), time.monotonic() - start))

    t = threading.Thread(target=watch)
    t.start()
    time.sleep(0.3)
    agent.cli("kv", "put", "tour/other", "x")  # wakes nobody
    time.sleep(0.2)
    assert not woken, "woken by another key"
    agent.cli("kv", "put", "tour/key", "two")
    t.join(5)
    assert woken and woken[0][:3] == (200, b"two", True), woken


if __name__ == "__main__":
    main(services)
