! SPDX-License-Identifier: Apache-2.0
! A line fitted by gradient descent, logged from Fortran.
!     gfortran $(pkg-config --variable=fortran_source mlf) least_squares.f90 \
!         $(pkg-config --cflags --libs mlf) -o least_squares
program least_squares
    use mlf
    implicit none
    integer, parameter :: n = 20, n_steps = 300, wp = kind(1d0)
    real(wp), parameter :: rate = 0.5_wp
    real(wp) :: x(n), y(n), residual(n), slope, intercept, loss
    integer :: i, step, unit, status

    x = [(real(i, wp)/n, i=1, n)]
    y = 2*x + 1 + 0.05_wp*[(sin(real(7*i, wp)), i=1, n)]

    call mlf_set_experiment("Fortran")
    call mlf_start_run(name="least squares", status=status)
    if (status /= MLF_OK) print *, "mlf_start_run: ", mlf_errmsg()
    call mlf_log_param("method", "gradient descent")
    call mlf_log_param("learning_rate", rate)
    call mlf_log_param("n_steps", n_steps)
    call mlf_log_param("weighted", .false.)
    call mlf_set_tag("language", "Fortran 2008")

    slope = 0
    intercept = 0
    do step = 1, n_steps
        residual = slope*x + intercept - y
        slope = slope - rate*2*sum(residual*x)/n
        intercept = intercept - rate*2*sum(residual)/n
        loss = sum(residual**2)/n
        if (mod(step, 50) == 0) call mlf_log_metric("loss", loss, step)
    end do

    open (newunit=unit, file="line.txt", status="replace")
    write (unit, '("slope ", f0.6, /, "intercept ", f0.6)') slope, intercept
    close (unit)
    call mlf_log_model("line", "line.txt", step=n_steps)
    call mlf_end_run(MLF_RUN_FINISHED, status)
    if (status /= MLF_OK) print *, "mlf_end_run: ", mlf_errmsg()

    print '("y = ", f5.3, " x + ", f5.3, ", run ", a)', slope, intercept, mlf_run_id()
end program least_squares
