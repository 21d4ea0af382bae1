// The directory that the DNS core asks on a client agent: facts come from servers. It shows what the question at hand was told so far;
// what it lacks is noted, dns_thread makes those calls, and the question is answered again.
#pragma once
#include "api/dns/thread_directory.hpp"
#include "runtime/base/error.hpp"
#include "storage/model/rpc_fields.hpp"
#include <optional>

namespace actord::dns {

// The calls of one question, with what was answered. Sends nothing itself and belongs to one thread.
class asked_calls {
public:
  asked_calls(std::string datacenter, bool stale) : datacenter_(std::move(datacenter)), stale_(stale) {}

  struct call {
    std::string_view method;
    std::string arguments; // msgpack
  };
  // Those that are needed and were not handed out before, by number. None: the answer that was made counts.
  std::vector<std::pair<size_t, call>> take_needed();
  void answered(size_t number, std::string body);
  bool complete() const; // every call that was needed has an answer
  void ask_leader();     // forgets all answers: the stale ones were too old
  bool stale() const { return stale_; }
  const std::string& datacenter() const { return datacenter_; }
  // What the first answer tells of its server.
  const std::optional<rpc::reply_meta>& first() const { return first_; }

  // The answer to a call, null when there is none yet: it is noted then. "": what was asked for is not there.
  const std::string* ask(std::string_view method, std::string arguments);
  void fail() { failed_ = true; } // an answer does not decode
  bool failed() const { return failed_; }

private:
  struct asked {
    call what;
    bool sent = false, has_answer = false;
    std::string body;
  };
  std::string datacenter_;
  bool stale_, failed_ = false;
  std::vector<asked> calls_;
  std::optional<rpc::reply_meta> first_;
};

class asked_directory : public thread_directory {
public:
  void use(asked_calls* of_question) { calls_ = of_question; }
  void allow_stale(bool yes) override { stale_ = yes; }
  bool stale() const { return stale_; }

  endpoint_list instances(std::string_view service, bool connect) override;
  found_query prepared_query(std::string_view name, const query_source& by) override;
  std::shared_ptr<const node_facts> node(std::string_view name) override;
  std::string node_of_address(std::string_view address) override;
  std::string service_of_address(std::string_view address) override;
  bool can_answer() override { return true; }
  bool take_failure() override { return calls_->failed(); }

private:
  asked_calls* calls_ = nullptr;
  bool stale_ = true;
};

} // namespace actord::dns
