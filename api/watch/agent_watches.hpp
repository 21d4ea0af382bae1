// The watches of an agent's configuration: each a thread that follows its view through the agent's own HTTP API and runs
// its handler, a program or a request, at every change.
#pragma once
#include "api/watch/follow.hpp"
#include "runtime/config/node_config.hpp"
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

namespace actord::watch {

struct http_handler {
  std::string path, method = "POST"; // path: the whole URL
  std::map<std::string, std::vector<std::string>> header;
  nanos timeout = std::chrono::seconds(10);
  bool tls_skip_verify = false;
};

struct configured_watch {
  request what;
  cli::api_request first;
  std::string token;
  std::vector<std::string> args; // run as they are; or
  std::string handler;           // run by the shell (deprecated); or
  std::optional<http_handler> http;
};

// What is wrong in Consul's words; nothing is started.
result<std::vector<configured_watch>> read_watches(const node_config& config, std::vector<std::string>* warnings = nullptr);

class agent_watches {
public:
  agent_watches() = default;
  ~agent_watches() { stop(); }
  // Ends those that run, with their handlers, without waiting for that, and starts these, which ask `agent`.
  void replace(std::vector<configured_watch> watches, const cli::client_settings& agent);
  void stop(); // waits

private:
  struct runner {
    configured_watch watch;
    std::unique_ptr<cli::http_client> client;
    std::atomic<bool> stopping{false}, ended{false};
    std::mutex lock;
    std::condition_variable wake;
    cli::http_client* handler = nullptr; // the request to the handler that is under way; guarded by lock
    std::thread thread;
    void stop();                // returns at once
    bool pause(nanos patience); // false: stopping
    void follow_one();
    void handle(uint64_t index, const std::string& view);
    void send_view(const http_handler& h, uint64_t index, const std::string& view);
  };
  void join_ended();

  std::vector<std::unique_ptr<runner>> runners_, ending_;
};

// How a watch reaches the agent that has this configuration.
cli::client_settings own_api(const node_config& config);

} // namespace actord::watch
