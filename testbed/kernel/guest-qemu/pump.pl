# Started by testbed/kernel/run-qemu: perl pump.pl TIMEOUT BOOT-TIMEOUT CONSOLE-FILE QEMU ARG...
# Runs QEMU with three pipes (descriptors 5, 6, 7: the guest's stdout, stderr, status), passes the first two on, and ends
# QEMU when the status is there and every byte that it counts has been passed on. On the status pipe come "up\n" before
# the command starts and "STATUS BYTES-OF-STDOUT BYTES-OF-STDERR\n" after it. A guest that is not up after BOOT-TIMEOUT
# seconds has hung (emulated kernels now and then do): it is started again, twice. Exit status: the command's, 124, 125.
use strict; use warnings;
use POSIX ();
my ($timeout, $boot_timeout, $console, @cmd) = @ARGV;
$^F = 255; # no close-on-exec
my ($pid, @r);

sub spawn {
    my @w;
    @r = ();
    for my $i (0 .. 2) { pipe($r[$i], $w[$i]) or die "pipe: $!"; }
    $pid = fork() // die "fork: $!";
    if (!$pid) {
        # above 7 first: the wanted numbers may be taken by others of these
        my @fds = map { my $fd = fileno $_; do { $fd = POSIX::dup($fd) } while $fd < 8; $fd } @w;
        POSIX::dup2($fds[$_], 5 + $_) for 0 .. 2;
        POSIX::close($_) for 3, 4, 8 .. 60;
        open(STDIN, '<', '/dev/null'); open(STDOUT, '>>', "$console.qemu"); open(STDERR, '>&', \*STDOUT);
        { no warnings; exec { $cmd[0] } @cmd; }
        POSIX::_exit(125);
    }
    close $_ for @w;
}
sub end { kill 'KILL', $pid; waitpid($pid, 0); }
sub finish { end(); POSIX::_exit($_[0]); }
$SIG{PIPE} = 'IGNORE';
$SIG{ALRM} = sub { finish(124) };
$SIG{INT} = sub { finish(130) }; $SIG{TERM} = sub { finish(143) }; $SIG{HUP} = sub { finish(129) };

my @seen = (0, 0); my @gone = (0, 0); my @open = (1, 1, 1); my @want; my $status = '';
my ($up, $attempts, $deadline) = (0, 1, time + $boot_timeout);
spawn();
alarm(POSIX::ceil($timeout)) if length $timeout;
while ($open[0] || $open[1] || $open[2]) {
    last if @want && !grep { $open[$_] && $seen[$_] < $want[$_] } 0, 1;
    if (!$up && time >= $deadline && $attempts < 3) {
        print STDERR "testbed/kernel/run-qemu: the guest is not up after $boot_timeout s; starting it again\n";
        end(); spawn();
        @open = (1, 1, 1); $attempts++; $deadline = time + $boot_timeout;
    }
    my $ready = '';
    for (0 .. 2) { vec($ready, fileno $r[$_], 1) = 1 if $open[$_]; }
    next if select($ready, undef, undef, $up ? undef : 1) < 1;
    for my $i (0 .. 2) {
        next if !$open[$i] || !vec($ready, fileno $r[$i], 1);
        my $n = sysread($r[$i], my $buf, 65536);
        if (!$n) { $open[$i] = 0 if defined $n || !$!{EINTR}; next; }
        if ($i == 2) {
            $status .= $buf;
            $up = 1 if $status =~ /^up\n/;
            @want = ($2, $3) if $status =~ /^(\d+) (\d+) (\d+)\n/m;
            next;
        }
        $seen[$i] += $n;
        # When the reader has gone (`| head -1`), the rest is thrown away: a port that nobody empties stops the guest.
        for (my $at = 0; !$gone[$i] && $at < $n;) {
            my $m = syswrite($i ? \*STDERR : \*STDOUT, $buf, $n - $at, $at);
            if (defined $m) { $at += $m }
            elsif ($!{EAGAIN}) { select(undef, undef, undef, 0.01) }
            elsif (!$!{EINTR}) { $gone[$i] = 1 }
        }
    }
}
finish($status =~ /^(\d+) \d+ \d+\n/m ? $1 : 125);
