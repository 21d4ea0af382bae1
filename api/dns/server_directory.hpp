// The directory that the DNS core asks on a client agent: facts come from servers. It shows what the question at hand was
// told so far (storage/state/read_view_remote.hpp); dns_thread makes the calls that were needed and asks again.
#pragma once
#include "api/dns/thread_directory.hpp"
#include "storage/state/read_view_remote.hpp"

namespace actord::dns {

class server_directory : public thread_directory {
public:
  void use(remote_view* answers) { answers_ = answers; } // of the question at hand
  void allow_stale(bool yes) override { stale_ = yes; }
  bool stale() const { return stale_; }

  endpoint_list instances(std::string_view service, bool connect) override;
  std::shared_ptr<const node_facts> node(std::string_view name) override;
  std::string node_of_address(std::string_view address) override;
  std::string service_of_address(std::string_view address) override;
  bool can_answer() override { return true; }
  bool take_failure() override { return answers_->failure().code != errc::none; }

private:
  remote_view* answers_ = nullptr;
  bool stale_ = true;
};

} // namespace actord::dns
