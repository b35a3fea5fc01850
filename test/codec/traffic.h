// Random, valid traffic: messages, fragments, control frames in between, every form of length; and
// the payload that it stands for.
#pragma once

#include "bytes.h"
#include "codec/receiver.h"

namespace wswrap::test {

struct Traffic {
  codec::Receiver receiver;  // as the handshake leaves it
  Bytes wire;
  Bytes payload;
};

Traffic binary_traffic(Random& random);
Traffic base64_traffic(Random& random);
Traffic hixie_traffic(Random& random);

// One of the three.
Traffic any_traffic(Random& random);

}  // namespace wswrap::test
