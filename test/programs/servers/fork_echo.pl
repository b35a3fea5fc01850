# Echoes with IO::Socket, a process for each connection, in one of two ways (the second argument):
#   bytes  IO::Select waits, sysread and syswrite move the bytes
#   lines  <$client> and print, through perl's own buffers
# At the end of the input it adds the SHA-256 of what it read.
use strict;
use warnings;
use Digest::SHA;
use IO::Select;
use IO::Socket::INET;

my ($port, $way) = @ARGV;

sub by_bytes {
    my ($client, $digest) = @_;
    my $selector = IO::Select->new($client);
    while ($selector->can_read) {
        my $size = sysread($client, my $data, 65536) // die "sysread: $!";
        last if $size == 0;
        $digest->add($data);
        while ($data ne '') {
            my $written = syswrite($client, $data) // die "syswrite: $!";
            substr($data, 0, $written, '');
        }
    }
}

sub by_lines {
    my ($client, $digest) = @_;
    $client->autoflush(1);
    while (defined(my $line = <$client>)) {
        $digest->add($line);
        print {$client} $line or die "print: $!";
    }
}

my $listener = IO::Socket::INET->new(
    LocalAddr => '127.0.0.1',
    LocalPort => $port,
    Listen    => 64,
    ReuseAddr => 1,
) or die "cannot listen: $@";
$SIG{CHLD} = 'IGNORE';
while (1) {
    my $client = $listener->accept or next;
    if (fork == 0) {
        close $listener;
        binmode $client;
        my $digest = Digest::SHA->new(256);
        $way eq 'lines' ? by_lines($client, $digest) : by_bytes($client, $digest);
        print {$client} $digest->digest;
        close $client or die "close: $!";
        exit;
    }
    close $client;
}
