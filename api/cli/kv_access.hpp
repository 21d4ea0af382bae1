// The few requests of KV and sessions that locks and remote execution are made of.
#pragma once
#include "api/cli/http_client.hpp"
#include "runtime/base/duration.hpp"
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

namespace actord::cli {

struct kv_pair {
  std::string key, value, session;
  uint64_t flags = 0, modify_index = 0;
};
struct kv_look {
  std::vector<kv_pair> pairs;
  uint64_t index = 0;
};
struct kv_wait {
  uint64_t index = 0; // answer when the view has another; 0: at once
  nanos patience{0};  // 0: the agent's
  bool consistent = false;
};

// `more` goes into every request (dc, stale).
class kv_access {
public:
  kv_access(http_client& client, query_list more) : client_(client), more_(std::move(more)) {}
  result<kv_look> get(const std::string& key, const kv_wait& wait = {});  // one pair or none
  result<kv_look> list(const std::string& prefix, const kv_wait& wait = {});
  // With acquire, release or cas in `how`; false when the server did not do it.
  result<bool> put(const kv_pair& pair, const query_list& how);
  result<bool> remove(const std::string& key, const query_list& how = {});
  http_client& client() { return client_; }

private:
  result<kv_look> read(const std::string& key, query_list query, const kv_wait& wait);
  result<api_response> send(api_request r);
  http_client& client_;
  query_list more_;
};

// A session with a TTL, renewed by a thread of its own until it is ended, then destroyed.
class kept_session {
public:
  // `spec` is the body of the request; `path` is /v1/session/create. The failure's text is the agent's.
  static result<std::unique_ptr<kept_session>> begin(std::unique_ptr<http_client> client, const query_list& more, std::string spec,
                                                     nanos renew_every, std::function<void(const std::string&)> on_failure = {});
  ~kept_session() { end(); }
  const std::string& id() const { return id_; }
  void end(); // destroys it; once

private:
  kept_session() = default;
  void renew();
  std::unique_ptr<http_client> client_;
  query_list more_;
  std::string id_;
  nanos every_{0};
  std::function<void(const std::string&)> on_failure_;
  std::mutex lock_;
  std::condition_variable wake_;
  bool ended_ = false;
  std::thread thread_;
};

} // namespace actord::cli
