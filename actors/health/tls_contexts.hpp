// The TLS side of checks: one client context for all of them. The files of the agent's identity are read at the start, and from then on by a
// thread of its own: on a file system that hangs the loop goes on with what was read last. Belongs to the loop's thread.
#pragma once
#include "actors/health/run.hpp"
#include <memory>
#include <openssl/ssl.h>

namespace actord::health {

class tls_contexts {
public:
  explicit tls_contexts(tls_settings s); // reads the files, if there are any
  ~tls_contexts();
  tls_contexts(const tls_contexts&) = delete;
  tls_contexts& operator=(const tls_contexts&) = delete;

  // Verifies by default. Every so often it has files that changed read again, and a later call gives what they hold. The error: a file did not
  // load.
  result<std::shared_ptr<SSL_CTX>> get();

private:
  struct shared;
  std::shared_ptr<shared> shared_;
};

} // namespace actord::health
