// The directory that the DNS core asks on a client agent: facts come from servers. It shows what the question at hand was told so far;
// what it lacks is noted, dns_thread makes those calls, and the question is answered again.
#pragma once
#include "api/dns/instance_list.hpp"
#include "api/dns/thread_directory.hpp"
#include "runtime/base/error.hpp"
#include "storage/model/rpc_fields.hpp"
#include <functional>
#include <optional>

namespace actord::dns {

// The calls of one question, with what was answered. Sends nothing itself and belongs to one thread.
class asked_calls {
public:
  asked_calls(std::string datacenter, bool stale) : datacenter_(std::move(datacenter)), stale_(stale) {}

  // An answer as it is read, in whichever thread.
  struct decoded {
    std::shared_ptr<const void> found; // null: it does not decode
    rpc::reply_meta meta;
  };
  using decode_function = std::function<decoded(std::string_view body)>;
  struct call {
    std::string_view method;
    std::string arguments; // msgpack
    decode_function decode;
  };
  // Those that are needed and were not handed out before, by number. None: the answer that was made counts.
  std::vector<std::pair<size_t, call>> take_needed();
  void answered(size_t number, decoded answer);
  void answered_nothing(size_t number); // what was asked for is not there
  bool complete() const; // every call that was needed has an answer
  void ask_leader();     // forgets all answers: the stale ones were too old
  bool stale() const { return stale_; }
  const std::string& datacenter() const { return datacenter_; }
  // What the first answer tells of its server.
  const std::optional<rpc::reply_meta>& first() const { return first_; }

  // The answer to a call, null when there is none yet: it is noted then. Also null: what was asked for is not there.
  std::shared_ptr<const void> ask(std::string_view method, std::string arguments, decode_function decode);
  bool failed() const { return failed_; }

private:
  struct asked {
    call what;
    bool sent = false, has_answer = false;
    std::shared_ptr<const void> found;
  };
  std::string datacenter_;
  bool stale_, failed_ = false;
  std::vector<asked> calls_;
  std::optional<rpc::reply_meta> first_;
};

class asked_directory : public thread_directory {
public:
  explicit asked_directory(long_reads* elsewhere) : elsewhere_(elsewhere) {}
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
  long_reads* elsewhere_; // lets go of what is large
  bool stale_ = true;
};

} // namespace actord::dns
